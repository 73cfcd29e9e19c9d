/** A DNS server of a few lines on a UDP port of its own, for answers no real one can be asked to give. */
import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

export interface DnsServer {
  /** As resolvers want it: `127.0.0.1:port`. */
  readonly address: string;
  /** Questions so far: `A rebind.test`. */
  readonly asked: string[];
  close(): void;
}

/** Addresses; after `cname:other.test` those of the other name. `null`: no answer at all; `'nxdomain'`: there is no such name. */
export type Answers = readonly string[] | null | 'nxdomain';

const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };

const ALIAS = 'cname:';
/** To the name that was asked for. */
const POINTER = Buffer.from([0xc0, 0x0c]);

/** `nth`: how often this name and type was asked before. */
export async function startDns(answer: (name: string, type: 'A' | 'AAAA', nth: number) => Answers): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const { name, type, end } = question(query);
    if (type === undefined) return;
    const key = `${type} ${name}`;
    const given = answer(name, type, asked.filter((before) => before === key).length);
    asked.push(key);
    if (given === null) return;
    let owner: Buffer = POINTER;
    const records = (given === 'nxdomain' ? [] : given).map((text) => {
      const made = record(owner, text, type);
      if (text.startsWith(ALIAS)) owner = encoded(text.slice(ALIAS.length));
      return made;
    });
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(given === 'nxdomain' ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([head, query.subarray(12, end), ...records]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, asked, close: () => socket.close() };
}

function question(query: Buffer): { name: string; type: 'A' | 'AAAA' | undefined; end: number } {
  const labels: string[] = [];
  let at = 12;
  while (query[at] !== 0) {
    const length = query[at]!;
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: TYPES[query.readUInt16BE(at + 1)], end: at + 5 };
}

/** A resource record with a time to live of 0. */
function record(owner: Buffer, text: string, type: 'A' | 'AAAA'): Buffer {
  const alias = text.startsWith(ALIAS) ? encoded(text.slice(ALIAS.length)) : null;
  const data = alias ?? (type === 'A' ? Buffer.from(text.split('.').map(Number)) : ipv6(text));
  const head = Buffer.alloc(10);
  head.writeUInt16BE(alias === null ? (type === 'A' ? 1 : 28) : 5, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, head, data]);
}

function encoded(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** Full or with one `::`. */
function ipv6(text: string): Buffer {
  const [left = '', right = ''] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === '' ? [] : right.split(':');
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}
