/** Hosts as browsers write them: others may hold signs, such as `;`, that mean something in a header. */
const HOST = /^[A-Za-z0-9.:[\]-]+$/;

/** The address to which a customer's browser may be sent; undefined: it is none, of another scheme, or with credentials. */
export function readReturnUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  const isPlain = url.username === '' && url.password === '' && HOST.test(url.host);
  return isWeb && isPlain ? url : undefined;
}
