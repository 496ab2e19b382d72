/** What other folders do with lots and serial numbers. */
export { codeKey } from './rules';
export { insertSerials, moveLots, selectTracked as findTracked, updateLotHeld } from './queries';
