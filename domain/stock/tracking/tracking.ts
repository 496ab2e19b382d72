/** What other rooms do with lots and serial numbers. */
export { insertSerials, moveLots, selectTracked as findTracked, updateLotHeld } from './queries';
