/** Everything for which an order needs a person, and what that person does. */
export const ATTENTION = {
  refund_failed: {
    next: 'The gateway refuses this refund for good. Give the money back in another way and record it with POST /refunds/{id}/resolve, or try again with POST /refunds/{id}/retry.',
  },
  refund_delayed: {
    next: 'The gateway has not made this refund yet. It is tried again by itself. Look at the gateway; POST /refunds/{id}/resolve records money that went back in another way.',
  },
  charge_unresolved: {
    next: 'The gateway does not say what became of this charge. Its stock is on sale again. It is asked again by itself; money that turns out to be captured goes back. Look the payment up at the gateway.',
  },
  shipment_not_stopped: {
    next: 'The carrier does not respond to the order to stop this parcel. It is asked again by itself. Stop the parcel by hand: its units stay reserved until the carrier responds.',
  },
  left_after_stop: {
    next: 'The carrier picked this parcel up after it was stopped: the goods are gone and their money went back. Get the parcel back, or charge the customer anew.',
  },
  workflow_stuck: {
    next: "The task of this order's workflow fails again and again. Look at the build that runs it. The safe way out is to terminate the workflow: its rows decide, and the reconciler starts it anew.",
  },
} as const satisfies Record<string, { next: string }>;

export type AttentionKind = keyof typeof ATTENTION;
