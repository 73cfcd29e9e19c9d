/**
 * Calls that nothing inside the process ends: V8 does not look for termination in them, and no guard can see them coming.
 * A guest that wants to wedge its lane can; its process is killed then. Each entry says why it cannot be guarded.
 */
export const WEDGES: readonly { readonly calls: RegExp; readonly why: string }[] = [
  {
    calls: /this\.n\+\+/,
    why: 'A Proxy or a getter tells the guard one length and the native another. Nothing in the language tells a Proxy from an array.',
  },
  {
    calls: /new String\(/,
    why: 'A boxed text has as many keys as characters, and nothing cheap tells it from other objects.',
  },
  {
    calls: /\(RegExp\)|RegExp\.prototype\.compile|\.compile\(/,
    why: 'A pattern is compiled at once, however long; the constructor is also what literals in `eval` use.',
  },
];

/** Not in the survey, because they are syntax or conversions; here so that nobody takes them for contained. */
export const SYNTAX: readonly string[] = [
  "'' + 2n ** (2n ** 27n)",
  "({ ...('x'.repeat(2 ** 28)) })",
  "for (const key in 'x'.repeat(2 ** 28));",
  '(2n ** (2n ** 29n)) * (2n ** (2n ** 29n) - 1n)',
];
