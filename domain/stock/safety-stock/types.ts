/** Units of a product that are not promised to customers. */
export interface SafetyStockView {
  sku: string;
  /** What locations without their own keep back; null: nothing is set for the product. */
  default: number | null;
  locations: {
    /** Code. */
    warehouse: string;
    /** In force there. */
    units: number;
    /** Set for this location; otherwise it follows the product. */
    own: boolean;
  }[];
}
