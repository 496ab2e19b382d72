import { createSocket } from 'node:dgram';
import ipaddr from 'ipaddr.js';

/** A real name server, by UDP. */
export interface NameServer {
  /** `address:port`. */
  address: string;
  /** Names that it was asked for. */
  asked: string[];
  /** It knows nothing more of names for which it had silence, and says so. */
  speak(): void;
  close(): Promise<void>;
}

const TYPE_OF = { ipv4: 1, ipv6: 28 } as const;
const HEADER_BYTES = 12;
const ANSWERED = 0x8180;
const NO_SUCH_NAME = 0x8183;

/** @param names with their addresses; it never answers one with `silence`, and knows no other */
export async function startNameServer(
  names: Readonly<Record<string, readonly string[] | 'silence'>>,
): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  let isSilent = true;
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    asked.push(name);
    const known = names[name];
    if (known === 'silence' && isSilent) return;
    const found = known === 'silence' ? undefined : known;
    const addresses = (found ?? [])
      .map((text) => ipaddr.parse(text))
      .filter((address) => TYPE_OF[address.kind()] === type);
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(found === undefined ? NO_SUCH_NAME : ANSWERED, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(addresses.length, 6);
    const answers = addresses.map((address) => {
      const bytes = address.toByteArray();
      // The name is that of the question.
      const answer = Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length]);
      return Buffer.concat([answer, Buffer.from(bytes)]);
    });
    socket.send(
      Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...answers]),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    speak: () => (isSilent = false),
    close: () => new Promise((done) => socket.close(() => done())),
  };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}
