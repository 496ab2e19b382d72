/** What no POSIX shell reads as anything but itself. */
const PLAIN = /^[A-Za-z0-9_./:@%+,-]+$/;

/**
 * A shell command to be read and pasted, of which each value is exactly one operand, whatever its text: quoted where a shell would
 * otherwise take it apart, and after `--` where a command would otherwise take it for an option.
 */
export function shell(command: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: command }, ...values.map(operand));
}

/** A request to be read and sent, of which each value is exactly one segment of the path, or one value of the query. */
export function request(line: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: line }, ...values.map(segment));
}

function operand(value: string): string {
  const word = PLAIN.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
  return value.startsWith('-') ? `-- ${word}` : word;
}

/** Also of what `encodeURIComponent` leaves: a quote in it would end the quotes that somebody puts around the URL. */
function segment(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
