/** Adds to the catalogue what is missing in it, and leaves what is there as it is. */
export { insertCategories, insertProducts, insertWarehouses } from './seed-queries';
