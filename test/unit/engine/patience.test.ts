/** When looking before sleeping pays: one turn at a time is asked for, and has been for a while. */
import { expect, it } from 'vitest';
import { Patience } from '../../../src/engine/patience.ts';

it('pays while each turn has been reported before the next is asked for', () => {
  const patience = new Patience();
  for (let ms = 0; ms < 100; ms += 0.05) {
    patience.asked(ms);
    expect(patience.pays(ms)).toBe(true);
    patience.answered();
    expect(patience.pays(ms)).toBe(true);
  }
});

it('does not pay from the second turn under way on, nor soon after', () => {
  const patience = new Patience();
  patience.asked(0);
  patience.asked(1);
  expect(patience.pays(1)).toBe(false);
  patience.answered();
  patience.asked(5);
  patience.answered();
  expect(patience.pays(5)).toBe(false);
  expect(patience.pays(12)).toBe(true);
});
