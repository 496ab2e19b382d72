import type { RequestHandler } from 'express';
import helmet, { type HelmetOptions } from 'helmet';

const YEAR_SECONDS = 31_536_000;

const COMMON: HelmetOptions = {
  // Browsers heed it over TLS only, which a proxy ends. Other names of the host are not ours to decide on.
  strictTransportSecurity: { maxAge: YEAR_SECONDS, includeSubDomains: false },
};

/** Of responses that are data: a browser that shows one as a page loads and runs nothing. */
export function dataHeaders(): RequestHandler {
  return helmet({
    ...COMMON,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
  });
}

/** Of the pages of Swagger UI: its own scripts and no others. Its styles and pictures are partly in the page. */
export function docsHeaders(): RequestHandler {
  return helmet({
    ...COMMON,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'", "'unsafe-inline'"],
        'img-src': ["'self'", 'data:'],
        'font-src': ["'self'", 'data:'],
        'connect-src': ["'self'"],
        'form-action': ["'self'"],
        'base-uri': ["'none'"],
        'frame-ancestors': ["'none'"],
      },
    },
  });
}
