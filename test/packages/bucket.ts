/** One bucket of S3, as its REST API shows it: objects with their metadata, a list in XML, errors by name. */
import { createHash } from 'node:crypto';

export interface Asked {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a list of bytes piece by piece. */
  readonly body?: string | Uint8Array | readonly Uint8Array[] | object;
}

interface Stored {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

const SIGNED =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=.*host.*Signature=[0-9a-f]{64}$/;

export class Bucket {
  readonly #objects = new Map<string, Stored>();

  answer({ method, path, query, headers, body }: Asked): Answer {
    if (!SIGNED.test(headers['authorization'] ?? '')) return failure(403, 'SignatureDoesNotMatch');
    const key = path.replace(/^\/bucket\/?/, '');
    if (key === '') return this.#list(query.get('prefix') ?? '');
    if (method === 'PUT') return this.#put(key, headers, unchunked(headers, body));
    if (method === 'DELETE') {
      this.#objects.delete(key);
      return { status: 204 };
    }
    const stored = this.#objects.get(key);
    return stored ? { headers: stored.headers, body: stored.body } : failure(404, 'NoSuchKey');
  }

  #put(key: string, headers: Asked['headers'], body: Buffer): Answer {
    const sum = headers['x-amz-content-sha256'] ?? '';
    if (/^[0-9a-f]{64}$/.test(sum) && sum !== createHash('sha256').update(body).digest('hex'))
      return failure(400, 'XAmzContentSHA256Mismatch');
    const kept = Object.entries(headers).filter(([name]) => /^(content-type|x-amz-meta-.*)$/.test(name));
    this.#objects.set(key, { body, headers: Object.fromEntries(kept) as Record<string, string> });
    return { headers: { etag: '"1"' } };
  }

  #list(prefix: string): Answer {
    const found = [...this.#objects].filter(([key]) => key.startsWith(prefix));
    const rows = found.map(
      ([key, { body }]) => `<Contents><Key>${key.replaceAll('&', '&amp;')}</Key><Size>${body.length}</Size></Contents>`,
    );
    const xml = `<?xml version="1.0"?><ListBucketResult><Name>bucket</Name>${rows.join('')}</ListBucketResult>`;
    return { headers: { 'content-type': 'application/xml' }, body: xml };
  }
}

/** A body with a checksum behind it comes in chunks of AWS's own. */
function unchunked(headers: Asked['headers'], body: Buffer): Buffer {
  if (!headers['content-encoding']?.includes('aws-chunked')) return body;
  const size = Number.parseInt(String(body), 16);
  const start = body.indexOf('\r\n') + 2;
  return body.subarray(start, start + size);
}

function failure(status: number, code: string): Answer {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}
