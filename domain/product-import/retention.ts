import type { KindOfUpload } from '../uploads/retention';
import { forgetTaken } from './forget';
import { deleteRejects } from './queries';

/** One that is sent again under its key after its job is removed is a new upload: it sets what it says, as any upload of products. */
export const PRODUCT_IMPORTS: KindOfUpload = { type: 'products', deleteRejects, forget: forgetTaken };
