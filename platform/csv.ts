/** A field of a CSV file (RFC 4180). Null is an empty field. */
function csvField(value: string | number | bigint | null): string {
  if (value === null) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A line of a CSV file, with its end. */
export function csvLine(fields: readonly (string | number | bigint | null)[]): string {
  return `${fields.map(csvField).join(',')}\n`;
}
