/** node:os: a machine with nothing to tell. */
import { constants } from 'unenv/node/os';
import { missing } from './absent.ts';

const REMEDY = 'functions see no machine';
export const EOL = '\n';
export const devNull = '/dev/null';
export { constants };
export const arch = (): string => 'x64';
export const availableParallelism = (): number => 1;
export const cpus = (): object[] => [];
export const endianness = (): string => 'LE';
export const freemem = (): number => 0;
export const totalmem = (): number => 0;
export const homedir = (): string => '/';
export const hostname = (): string => 'localhost';
export const loadavg = (): number[] => [0, 0, 0];
export const machine = (): string => 'x86_64';
export const networkInterfaces = (): object => ({});
export const platform = (): string => 'linux';
export const release = (): string => '';
export const tmpdir = (): string => '/tmp';
export const type = (): string => 'Linux';
export const uptime = (): number => 0;
export const userInfo = (): object => ({ uid: 0, gid: 0, username: '', homedir: '/', shell: null });
export const version = (): string => '';
export const getPriority = (): number => 0;
export const setPriority = missing('node:os.setPriority', REMEDY);

export default {
  ...{
    EOL,
    arch,
    availableParallelism,
    constants,
    cpus,
    devNull,
    endianness,
    freemem,
    getPriority,
    homedir,
    hostname,
    loadavg,
  },
  ...{ machine, networkInterfaces, platform, release, setPriority, tmpdir, totalmem, type, uptime, userInfo, version },
};
