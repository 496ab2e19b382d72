/** What other folders do with lots and serial numbers. */
export { codeKey } from './rules';
export { moveLots, selectTracked as findTracked, updateLotHeld } from './queries';
export { moveLotsApart, noteLotNumbers, selectLotNumberFacts } from './lot-number-queries';
