/**
 * What leaves the host about a URL: no credentials, no values of query parameters that carry signatures or tokens
 * (the default list of the HTTP conventions, and ours). Names stay, so that a trace still says what was sent.
 */

/** Compared in lower case, after percent-decoding. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  'x-amz-signature',
  'x-amz-credential',
  'x-amz-security-token',
  'awsaccesskeyid',
  'signature',
  'sig',
  'x-goog-signature',
  'access_token',
  'id_token',
  'refresh_token',
  'token',
  'api_key',
  'apikey',
  'key',
  'secret',
  'client_secret',
  'password',
  'passwd',
  'pwd',
  'code',
  'auth',
  'authorization',
  'session',
  'jwt',
]);

const MAX_CHARS = 2048;

/** A query without `?`; cut to 2,048 characters after redaction. */
export function redactQuery(query: string): string {
  const bare = query.startsWith('?') ? query.slice(1) : query;
  if (bare === '') return '';
  const redacted = bare.split('&').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 0) return pair;
    return isSecret(pair.slice(0, at)) ? `${pair.slice(0, at)}=REDACTED` : pair;
  });
  return redacted.join('&').slice(0, MAX_CHARS);
}

/** An absolute URL without user, password and fragment, its query redacted. Text that is no URL is not repeated. */
export function redactUrl(text: string): string {
  if (!URL.canParse(text)) return 'invalid-url';
  const url = new URL(text);
  // `data:` and other URLs without a host are all content: only the scheme is said.
  if (url.host === '') return url.protocol;
  const query = redactQuery(url.search);
  return `${url.protocol}//${url.host}${url.pathname}${query === '' ? '' : `?${query}`}`.slice(0, MAX_CHARS);
}

/** A sentence of somebody else's, cut and with the URLs in it redacted. */
export function redactText(text: string, maxChars: number): string {
  return text.slice(0, maxChars).replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s'"`<>]+/gi, (url) => redactUrl(url));
}

function isSecret(name: string): boolean {
  if (SECRET_PARAMETERS.has(name.toLowerCase())) return true;
  if (!name.includes('%') && !name.includes('+')) return false;
  try {
    return SECRET_PARAMETERS.has(decodeURIComponent(name.replaceAll('+', ' ')).trim().toLowerCase());
  } catch {
    return true;
  }
}
