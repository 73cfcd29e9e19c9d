import { expect, it } from 'vitest';
import { configJsonSchema } from '../../../src/config/schema.ts';
import { LIMIT_RULES } from '../../../src/contract/limits.ts';

it('ships the JSON Schema that the parser generates (vitest run test/unit/config/schema.test.ts -u rewrites it)', async () => {
  const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../../src/config/isolane.schema.json');
});

it('states every limit with its range', () => {
  const text = JSON.stringify(configJsonSchema());
  for (const [name, rule] of Object.entries(LIMIT_RULES)) {
    expect(text).toContain(
      `"${name}":{"default":${rule.default},"type":"integer","minimum":${rule.min},"maximum":${rule.max}}`,
    );
  }
});
