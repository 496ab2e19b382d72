/** Whether an address to listen on, or the host name of a URL, is this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** The host name of a `Host` header, without its port and in small letters; undefined where it is none. */
export function hostNameOf(header: string): string | undefined {
  const url = `http://${header}`;
  if (/[/?#@\\\s]/.test(header) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname;
}

/**
 * Whether requests with this `Host` header are served. On loopback only names of this machine are: a page of a browser whose name
 * is made to point here (DNS rebinding) has another. A request without the header is not of a browser.
 *
 * @param allowed host names that are served besides. Where it is empty and `listensOn` is no loopback, any is
 */
export function isHostServed(
  header: string | undefined,
  { listensOn, allowed = [] }: { listensOn: string; allowed?: readonly string[] },
): boolean {
  if (header === undefined || (allowed.length === 0 && !isLoopback(listensOn))) return true;
  const name = hostNameOf(header);
  return name !== undefined && (isLoopback(name) || name.endsWith('.localhost') || allowed.includes(name));
}
