import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { columns, csv } from '../../../src/cli/columns.ts';
import { clock, dataDir, isOlder, nodeVersion } from '../../../src/cli/doctor.ts';
import { Project } from '../config/project.ts';

const project = new Project();
afterAll(() => project.remove());

describe('Node', () => {
  it.each(['24.15.0', '24.99.1', '26.0.0', '26.10.0'])('%s runs isolane', (version) => {
    expect(nodeVersion(version).ok).toBe(true);
  });
  it.each(['20.19.0', '22.21.0', '24.14.9', '25.9.0', '27.0.0'])('%s does not', (version) => {
    expect(nodeVersion(version)).toMatchObject({
      ok: false,
      detail: `Node ${version} cannot run isolane; install Node 24 (24.15 or later) or Node 26.`,
    });
  });
});

it.each([
  ['7.0.0', true],
  ['6.9.9', true],
  ['7.0.1', false],
  ['7.1.0', false],
  ['10.0.0', false],
  ['7.0.1-rc.1', false],
])('isOlder %s', (version, older) => {
  expect(isOlder(version, '7.0.1')).toBe(older);
});

describe('data dir', () => {
  it('is there, or can be made', () => {
    expect(dataDir(project.directory)).toMatchObject({ ok: true, detail: project.directory });
    expect(dataDir(join(project.directory, 'x/y'))).toMatchObject({
      ok: true,
      detail: expect.stringContaining('first start'),
    });
  });
  it('is below a file', () => {
    expect(dataDir(join(project.directory, 'a.ts/x'))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('(ENOTDIR)'),
    });
  });
});

describe('clock', () => {
  it('is sane', () => {
    expect(clock(project.directory, Date.now()).ok).toBe(true);
  });
  it.each([0, Date.UTC(2200, 0)])('stands at %i', (now) => {
    expect(clock(project.directory, now)).toMatchObject({ ok: false, detail: expect.stringContaining('cannot be') });
  });
  it('is not that of the file system', () => {
    expect(clock(project.directory, Date.now() + 60_000)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/\((59|60) s apart\)/),
    });
  });
});

describe('columns', () => {
  it('aligns and leaves no blanks at the end', () => {
    expect(
      columns(
        ['A', 'N'],
        [
          ['long', '1'],
          ['', '22'],
        ],
        new Set([1]),
      ),
    ).toBe('A      N\nlong   1\n      22');
  });
  it('quotes CSV, and no cell is a formula', () => {
    expect(csv(['a'], [['x,"y"'], ['=1+1'], ['ok']])).toBe('a\r\n"x,""y"""\r\n\'=1+1\r\nok');
  });
});
