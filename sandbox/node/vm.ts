/** What of node:vm has an answer: nothing is a context. */
export default { isContext: (): boolean => false, constants: {} };
