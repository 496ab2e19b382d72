import type { KindOfUpload } from '../../uploads/retention';
import { forgetStaged } from './resolve';
import { deleteRejects } from './retention-queries';

/** The ledger keeps that a feed was applied: one that is sent again under its key after its job is removed fails. */
export const STOCK_FEEDS: KindOfUpload = { type: 'feed', deleteRejects, forget: forgetStaged };
