/** What of node:tty has an answer without terminals. */
export default { isatty: (): boolean => false };
