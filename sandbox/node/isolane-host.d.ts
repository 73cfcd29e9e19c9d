/** The virtual module by which the modules of this folder reach the prelude; `src/engine/shell.ts` resolves it. */
declare module 'isolane:host' {
  export const host: import('./bridge.ts').Bridge;
}
