/** HTML that holds nothing but what was written here, and text that was escaped. */
export class Html {
  constructor(readonly text: string) {}
}

/** A template of HTML: values are escaped, unless they are HTML themselves. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | Html | readonly Html[])[]
): Html {
  return new Html(
    parts.reduce((whole, part, n) => {
      const value = values[n - 1] ?? '';
      return whole + markup(value) + part;
    }),
  );
}

function markup(value: string | Html | readonly Html[]): string {
  if (typeof value === 'string') return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return value instanceof Html ? value.text : value.map(({ text }) => text).join('');
}
