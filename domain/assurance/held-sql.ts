/** SQL of whether the amendment `a` that a shipment names, if there is one, is not under way: nothing will let that shipment go. */
export const NOT_HOLDING = `(a.state is distinct from 'open' or a.stage is null)`;
