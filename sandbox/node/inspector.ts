/** What of node:inspector has an answer: nobody inspects. */
export default { url: (): undefined => undefined, close: (): void => {}, console: globalThis.console };
