/** Where a cgroup for engine processes may be made: with files of a system's shape, because few machines have one to give away. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Cgroups } from '../../../src/engine/process/cgroup.ts';

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A system whose cgroups lie in a folder; this process is in `own`. */
function system(own: string, controllers = 'cpu memory pids', root = '/') {
  const top = mkdtempSync(join(tmpdir(), 'isolane-cgroup-'));
  made.push(top);
  const [procfs, groups] = [join(top, 'proc'), join(top, 'groups')];
  const inside = own.slice(root === '/' ? 0 : root.length);
  mkdirSync(procfs);
  mkdirSync(join(groups, inside), { recursive: true });
  const parent = join(groups, inside, '..');
  writeFileSync(join(parent, 'cgroup.controllers'), `${controllers}\n`);
  writeFileSync(join(procfs, 'cgroup'), `4:memory:/old\n0::${own}\n`);
  writeFileSync(join(procfs, 'mountinfo'), `29 23 0:26 ${root} ${groups} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n`);
  return { procfs, parent };
}

describe('a cgroup for an engine process', () => {
  it('is made beside the one this process is in, bounded, and removed', () => {
    const { procfs, parent } = system('/system.slice/isolane.service/host');
    const cgroups = new Cgroups(procfs);
    expect(readFileSync(join(parent, 'cgroup.subtree_control'), 'latin1')).toBe('+memory');
    const one = cgroups.make(1000)!;
    const said = (file: string): string => readFileSync(join(one.path, file), 'latin1');
    expect([said('memory.max'), said('memory.oom.group'), said('memory.swap.max')]).toEqual(['1000', '1', '0']);
    one.bound(2000);
    expect(said('memory.max')).toBe('2000');
    expect(one.wasKilled).toBe(false);
    writeFileSync(join(one.path, 'memory.events'), 'low 0\noom 1\noom_kill 0\n');
    expect(one.wasKilled).toBe(false);
    writeFileSync(join(one.path, 'memory.events'), 'low 0\noom 1\noom_kill 2\n');
    expect(one.wasKilled).toBe(true);
    expect(cgroups.make(1)?.path).not.toBe(one.path);
  });

  it('is found under the root that a container sees', () => {
    const { procfs, parent } = system('/docker/1/host', 'memory', '/docker/1');
    expect(new Cgroups(procfs).make(1)?.path.startsWith(join(parent))).toBe(true);
  });

  it('of a host before is swept away', () => {
    const { procfs, parent } = system('/unit.service/host');
    mkdirSync(join(parent, 'isolane-engine-1-1'));
    new Cgroups(procfs);
    expect(readdirSync(parent)).not.toContain('isolane-engine-1-1');
    expect(existsSync(join(parent, 'host'))).toBe(true);
  });

  it.each([
    ['/system.slice/isolane.service', 'memory', /delegated/],
    ['/user.slice/session-1.scope', 'memory', /delegated/],
    ['/', 'memory', /delegated/],
    ['/isolane.service/host', 'cpu pids', /no memory controller/],
  ])('is none in %s with %s', (own, controllers, reason) => {
    const { procfs } = system(own, controllers);
    const cgroups = new Cgroups(procfs);
    expect([cgroups.parent, cgroups.make(1)]).toEqual([null, null]);
    expect(cgroups.reason).toMatch(reason);
  });

  it('is none where there is no cgroup v2', () => {
    const { procfs } = system('/a/b');
    writeFileSync(join(procfs, 'mountinfo'), '29 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n');
    expect(new Cgroups(procfs)).toMatchObject({ parent: null, reason: 'there is no cgroup v2' });
  });
});
