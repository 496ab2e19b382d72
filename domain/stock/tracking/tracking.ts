/** What other rooms do with lots and serial numbers. */
export {
  replacePacked,
  selectKnownLots,
  selectKnownSerials,
  selectLotsOfParcel,
  selectPacked,
  selectSerialsOfParcel,
  type PackedUnit,
} from './assign-queries';
export { insertSerials, moveLots, selectTracked as findTracked, updateLotHeld } from './queries';
export {
  selectLotMovements as listLotMovements,
  selectLots as listLots,
  selectSerial as readSerial,
  selectSerialPage as listSerials,
} from './view-queries';
