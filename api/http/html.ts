import { createHash } from 'node:crypto';
import type { Response } from 'express';
import { Html, html } from '../../platform/html';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}' +
  'form{display:inline-block;margin-right:1rem}button{font:inherit;padding:.5rem 1rem}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export interface Page {
  title: string;
  body: Html;
  /** Origins that a form of the page may lead to, besides its own: browsers hold a redirect after it to that too. */
  formOrigins?: readonly string[];
}

/** Sends a page without scripts, which nothing may frame, keep, or read the address of. */
export function sendPage(res: Response, { title, body, formOrigins = [] }: Page): void {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    ["form-action 'self'", ...formOrigins].join(' '),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  res.status(200).type('text/html; charset=utf-8');
  res.setHeader('content-security-policy', policy.join('; '));
  res.setHeader('cache-control', 'no-store');
  // Not `no-referrer`: by that a browser would hide also from us that a form comes from our own page.
  res.setHeader('referrer-policy', 'same-origin');
  res.send(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <title>${title}</title>
          ${new Html(`<style>${STYLE}</style>`)}
        </head>
        <body>
          ${body}
        </body>
      </html>`.text,
  );
}
