/** How the place of a row `d` is called: SKU@WAREHOUSE, or its keys where one of the two is unknown. With `NAMES`. */
export const PLACE = `coalesce(p.sku, d.product_id::text) || '@' || coalesce(w.code, d.warehouse_id::text)`;
export const NAMES = `left join products p on p.id = d.product_id left join warehouses w on w.id = d.warehouse_id`;
