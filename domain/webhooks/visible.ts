import type { Visibility } from '../events/types';

/** Webhooks are made by admins: they are told of everything of their types. */
export const EVERYTHING: Visibility = {
  all: true,
  owners: [],
  allOrders: true,
  ownOrders: true,
  stock: true,
  catalogue: true,
};
