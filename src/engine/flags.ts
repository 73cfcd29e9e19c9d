/**
 * The V8 flags isolated-vm needs, in one place. Whoever starts a process that loads the engine passes them:
 * - `--no-node-snapshot`: isolates made from different snapshots in one process can crash (isolated-vm README).
 * - `--no-turboshaft-loop-unrolling`: without it ordinary loops over small array built-ins ignore termination for ever.
 */
export const NODE_FLAGS: readonly string[] = ['--no-node-snapshot', '--no-turboshaft-loop-unrolling'];

/** Lowest isolated-vm that may run guests: older ones have GHSA-864f-rcv7-6rh4 (guest to host memory corruption). */
export const ISOLATED_VM_MIN = '7.0.1';
