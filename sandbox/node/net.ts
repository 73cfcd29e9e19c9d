/** What of node:net needs no network. */
const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

const isIPv4 = (text: unknown): boolean => V4.test(String(text));
const isIPv6 = (text: unknown): boolean => {
  const address = String(text).replace(/%[0-9a-zA-Z-.:]+$/, '');
  if (!address.includes(':') || /[^0-9a-fA-F:.]/.test(address)) return false;
  try {
    new URL(`http://[${address}]`);
    return true;
  } catch {
    return false;
  }
};

export default {
  isIP: (text: unknown): 0 | 4 | 6 => (isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0),
  isIPv4,
  isIPv6,
  getDefaultAutoSelectFamily: (): boolean => true,
  setDefaultAutoSelectFamily: (): void => {},
  getDefaultAutoSelectFamilyAttemptTimeout: (): number => 250,
  setDefaultAutoSelectFamilyAttemptTimeout: (): void => {},
};
