import type { Share } from './types';

/** What is looked at where there is no share. */
export const EVERYTHING: Share = {
  productsAfter: 0,
  productsUpTo: null,
  linesAfter: '00000000-0000-0000-0000-000000000000',
  linesUpTo: null,
};
