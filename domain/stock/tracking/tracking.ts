/** What other folders do with lots and serial numbers. */
export {
  selectFoundSerials as findFoundSerials,
  selectLotsAsOf as lotsAsOf,
  selectSerialsAsOf as serialsAsOf,
  type FoundSerial,
  type LotAsOf,
  type PlaceAsOf,
  type SerialAsOf,
} from './as-of-queries';
export { codeKey } from './rules';
export { moveLots, selectOtherExpiry, selectTracked as findTracked, updateLotHeld } from './queries';
export {
  moveLotsApart,
  noteCountedLots,
  noteLotNumbers,
  selectLotNumberFacts,
  selectLotsNumberedSince,
} from './lot-number-queries';
