import { join } from 'node:path';
import { freeze, HISTORIES, PRESENT_EDITION } from './editions';

/** `npm run freeze-histories`: from now on no history of the present edition may change. */
void freeze(join(HISTORIES, PRESENT_EDITION));
