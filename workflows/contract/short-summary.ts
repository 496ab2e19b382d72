/** Temporal refuses a summary above 400 bytes, of which its payload takes up to 180 when it is encrypted. */
const SUMMARY_BYTES = 220;

/** A text as a workflow's summary: its first part where it is long. */
export function shortSummary(text: string): string {
  if (bytesOf(text) <= SUMMARY_BYTES) return text;
  const characters = Array.from(text);
  while (bytesOf(`${characters.join('')}…`) > SUMMARY_BYTES) characters.pop();
  return `${characters.join('')}…`;
}

/** As JSON, which is how it is sent. */
function bytesOf(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length;
}
