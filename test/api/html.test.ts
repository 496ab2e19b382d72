import { html } from '../../platform/html';

test('values of a template are escaped, whatever they are put into, and HTML is not', () => {
  const inner = html`<b>${'<i>&"\''}</b>`;
  expect(inner.text).toBe('<b>&#60;i&#62;&#38;&#34;&#39;</b>');
  expect(html`<p title="${'"'}">${inner}${[inner, inner]}</p>`.text).toBe(
    `<p title="&#34;">${inner.text.repeat(3)}</p>`,
  );
});
