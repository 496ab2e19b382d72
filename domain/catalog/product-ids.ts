export { selectProductId } from './product-queries';
