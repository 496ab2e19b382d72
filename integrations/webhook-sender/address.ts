import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Why there is no answer, in words for the log of deliveries. */
export class NoAnswer extends Error {}

/** Networks that may be sent to although they are not of the public internet. */
export type AllowedNetworks = readonly [ipaddr.IPv4 | ipaddr.IPv6, number][];

/** @param given addresses and networks, such as `127.0.0.1` and `10.0.0.0/8` */
export function allowedNetworks(given: readonly string[]): AllowedNetworks {
  return given.map((text) => {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
}

/** What the public internet has of IPv6. `range()` alone takes what no registry has for public. */
const GLOBAL_IPV6: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/** Services of clouds for their own machines, at addresses that look public: Azure's, which gives settings and certificates of a machine. */
const OF_CLOUDS: readonly string[] = ['168.63.129.16'];

/**
 * Whether a message may be sent to this address: one of the public internet, or of a network that is allowed. IPv4 inside IPv6 counts as the
 * IPv4 address that it stands for. None with a zone, which names an interface of this machine.
 */
export function mayReach(address: string, allowed: AllowedNetworks): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.process(inHex(address));
  if (allowed.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits)))
    return true;
  if (parsed.range() !== 'unicast' || OF_CLOUDS.includes(parsed.toString())) return false;
  return parsed.kind() === 'ipv4' || parsed.match(...GLOBAL_IPV6);
}

/** IPv6 without dots: the library takes `::8.8.8.8`, which is IPv6, for the IPv4 address. */
function inHex(address: string): string {
  return isIP(address) === 6 ? hostOf(new URL(`http://[${address}]`)) : address;
}

/** Why a webhook may not have this address; null: it may, as far as that can be said before its name is resolved. */
export function urlFault(text: string, allowed: AllowedNetworks): string | null {
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  const { protocol, username, password, hash, port } = url;
  const host = hostOf(url);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must be https';
  if (protocol === 'http:' && !(isLocalhost(host) || isOwnMachine(host))) return 'must be https';
  if (protocol === 'http:' && allowed.length === 0) return 'must be https';
  if (username !== '' || password !== '') return 'must have no user name or password';
  if (hash !== '') return 'must have no fragment';
  if (port === '0') return 'must have a port that there is';
  if (isIP(host) !== 0 && !mayReach(host, allowed)) return 'must be an address of the public internet';
  return null;
}

/** The name or address in a URL, of IPv6 without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Whether it is the name of this machine itself. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost';
}

/** Whether it is an address of this machine itself. */
export function isOwnMachine(address: string): boolean {
  return isIP(address) !== 0 && ipaddr.process(address).range() === 'loopback';
}
