/** The clock of everything the engine measures: the same for all threads and processes of a machine, and it never steps. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
