import { Resolver } from 'node:dns/promises';
import { isLocalhost, NoAnswer } from './address';

/** The addresses of a name. @throws NoAnswer in words, where there are none to be had */
export type AddressesOf = (name: string) => Promise<readonly string[]>;

/** One question, asked again once for twice as long, takes three quarters of the time for a message. */
const PART_OF_TIME = 4;

/**
 * Asks the name servers of the system, over sockets. Node's own `lookup` takes a thread of four for each name until it has an answer, and as many
 * names of a server that does not respond would hold up files and passwords of the process. So the system's file of hosts is not read;
 * `localhost` is this machine.
 *
 * @param timeoutMs for a whole message
 * @param servers as `address:port`; those of the system unless given
 */
export function createNames({
  timeoutMs,
  servers,
}: {
  timeoutMs: number;
  servers?: readonly string[];
}): AddressesOf {
  return async (name) => {
    if (isLocalhost(name)) return ['127.0.0.1'];
    // Each has the name servers as they are now.
    const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / PART_OF_TIME), tries: 2 });
    if (servers) resolver.setServers(servers);
    const asked = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (found.length > 0) return found;
    throw new NoAnswer(`the name could not be resolved: ${codeOf(asked)}`);
  };
}

/** That of a failure, before that there is no record of one kind. */
function codeOf(asked: readonly PromiseSettledResult<unknown>[]): string {
  const codes = asked.flatMap((one) => {
    const reason: unknown = one.status === 'rejected' ? one.reason : undefined;
    return reason instanceof Error && 'code' in reason && typeof reason.code === 'string'
      ? [reason.code]
      : [];
  });
  return codes.find((code) => code !== 'ENODATA') ?? 'ENODATA';
}
