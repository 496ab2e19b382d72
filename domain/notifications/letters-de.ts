import type { AlertKind } from '../stock/alerts/types';
import { alertTitle, placeOf, trackedBy, type Language } from './letter-types';
import type { NotificationData } from './types';

const TRACKING = 'Sendungsnummer';

const ALERTS: Readonly<Record<AlertKind, string>> = {
  low_stock: 'Es ist nicht mehr verfügbar als der Schwellenwert',
  out_of_stock: 'Es ist nichts verfügbar',
  overstock: 'Es liegt mehr auf Lager als der Schwellenwert',
  transfer_overdue: 'Umlagerungen sind nicht rechtzeitig angekommen',
  ledger_drift: 'Der Bestand weicht von seinem Journal ab',
  work_failed: 'Arbeit an einer Sache scheitert an einem Fehler ihrer eigenen Daten',
  expiry_near: 'Chargen im Verkauf laufen bald ab',
  recall: 'Zugesagte Einheiten sind gesperrt',
  count_short: 'Eine Zählung hat zugesagte Einheiten nicht gefunden',
  attention: 'Eine Bestellung braucht einen Menschen',
  ledger_tampered: 'Das Journal oder das Prüfprotokoll ist nicht so, wie es versiegelt wurde',
  reservation_stopped:
    'Eine bestätigte Reservierung ohne Bestellung geht nicht ab und wird nicht freigegeben',
};

const titleOf = (data: NotificationData) => alertTitle(ALERTS, data);

/** Why some of an order does not come. */
function whyCut({ type }: NotificationData): string {
  switch (type) {
    case 'order.items_cut':
      return 'nicht alles, was Sie bestellt haben, ist auf Lager. Sie erhalten den Rest ohne diese Artikel:';
    case 'order.units_blocked':
      return 'ein Teil Ihrer Bestellung wurde nach Ihrer Bestellung aus dem Verkauf genommen, und wir haben keinen Ersatz. Diese Artikel erhalten Sie nicht:';
    case 'order.units_missing':
      return 'ein Teil Ihrer Bestellung war in unserem Lager nicht zu finden, und wir haben keinen Ersatz. Diese Artikel erhalten Sie nicht:';
    case 'order.backorders_closed':
      return 'worauf Sie gewartet haben, ist nicht eingetroffen, und wir haben es aus Ihrer Bestellung genommen.';
    case 'order.rest_cancelled':
      return 'was von Ihrer Bestellung noch nicht unterwegs war, wurde storniert.';
    default:
      return 'ein Teil Ihrer Bestellung wurde storniert:';
  }
}

const RETURNS: Readonly<Record<string, { title: (order: string) => string; line: string }>> = {
  'return.received': {
    title: (order) => `Ihre Rücksendung zur Bestellung ${order} ist angekommen`,
    line: 'Ihre Rücksendung ist angekommen. Wir prüfen sie und melden uns mit dem Ergebnis.',
  },
  'return.completed': {
    title: (order) => `Ihre Rücksendung zur Bestellung ${order} ist abgeschlossen`,
    line: 'wir haben geprüft, was Sie zurückgesandt haben, und Ihre Rücksendung ist abgeschlossen.',
  },
  'return.expired': {
    title: (order) => `Ihre Rücksendung zur Bestellung ${order} ist abgelaufen`,
    line: 'was Sie zurücksenden wollten, ist nicht rechtzeitig angekommen, und die Rücksendung ist beendet. Bitte melden Sie eine neue an, wenn Sie es noch zurücksenden wollen.',
  },
  'return.cancelled': {
    title: (order) => `Ihre Rücksendung zur Bestellung ${order} wurde storniert`,
    line: 'die Rücksendung wurde storniert. Bitte senden Sie die Artikel nicht zurück.',
  },
};

export const GERMAN: Language = {
  words: {
    order_placed: ({ order }) => ({
      title: `Wir haben Ihre Bestellung ${order}`,
      lines: ['wir haben Ihre Bestellung erhalten. Sie enthält:'],
      shows: 'order',
    }),
    order_paid: ({ order, amount }) => ({
      title: `Wir haben Ihre Zahlung zur Bestellung ${order}`,
      lines: [`wir haben Ihre Zahlung${amount === null ? '' : ` von ${amount}`} erhalten. Vielen Dank.`],
      shows: 'order',
    }),
    payment_failed: ({ order }) => ({
      title: `Die Zahlung Ihrer Bestellung ${order} ist fehlgeschlagen`,
      lines: [
        'die Zahlung Ihrer Bestellung hat nicht geklappt, und es wurde kein Geld abgebucht.',
        'Bitte versuchen Sie es noch einmal, oder zahlen Sie auf andere Weise.',
      ],
    }),
    payment_action: ({ order }) => ({
      title: `Bitte bestätigen Sie die Zahlung Ihrer Bestellung ${order}`,
      lines: [
        'Ihre Bank möchte, dass Sie die Zahlung bestätigen. Bitte gehen Sie zum Shop zurück und schließen Sie sie dort ab.',
      ],
    }),
    order_review: ({ order, data, until }) =>
      data.type === 'order.review_approved'
        ? {
            title: `Ihre Bestellung ${order} geht weiter`,
            lines: [
              'wir haben Ihre Bestellung geprüft, und sie geht weiter. Wir melden uns, wenn sie abgeht.',
            ],
          }
        : {
            title: `Wir prüfen Ihre Bestellung ${order}`,
            lines: [
              `wir prüfen Ihre Bestellung, bevor sie abgeht${until === null ? '' : `, spätestens bis ${until}`}. Sie müssen nichts tun.`,
            ],
          },
    order_backordered: ({ order, until }) => ({
      title: `Ein Teil Ihrer Bestellung ${order} kommt später`,
      lines: [
        'nicht alles, was Sie bestellt haben, ist auf Lager. Wir senden den Rest, sobald er da ist:',
        ...(until === null
          ? []
          : [`Was bis ${until} nicht eingetroffen ist, nehmen wir aus Ihrer Bestellung und melden uns.`]),
      ],
      shows: 'units',
    }),
    order_changed: ({ order }) => ({
      title: `Ihre Bestellung ${order} wurde geändert`,
      lines: ['Ihre Bestellung wurde geändert. Sie enthält jetzt:'],
      shows: 'order',
    }),
    order_partly_cancelled: ({ order, data }) => ({
      title: `Ein Teil Ihrer Bestellung ${order} wurde storniert`,
      lines: [whyCut(data), 'Geld, das dafür abgebucht wurde, geht an Sie zurück.'],
      shows: 'units',
    }),
    order_shipped: ({ order, data, hasMore }) => ({
      title: hasMore
        ? `Ein Teil Ihrer Bestellung ${order} ist unterwegs`
        : `Ein Paket Ihrer Bestellung ${order} ist unterwegs`,
      lines: [
        hasMore
          ? 'ein Teil Ihrer Bestellung ist auf dem Weg zu Ihnen. Der Rest folgt.'
          : 'ein Paket Ihrer Bestellung ist auf dem Weg zu Ihnen.',
        ...trackedBy(TRACKING, data),
      ],
      shows: 'parcel',
    }),
    order_delivered: ({ order, data }) => ({
      title: `Ein Paket Ihrer Bestellung ${order} wurde zugestellt`,
      lines: ['ein Paket Ihrer Bestellung wurde zugestellt.', ...trackedBy(TRACKING, data)],
      shows: 'parcel',
    }),
    parcel_lost: ({ order, data }) => ({
      title: `Ein Paket Ihrer Bestellung ${order} ist verloren gegangen`,
      lines: [
        'der Paketdienst meldet, dass ein Paket Ihrer Bestellung verloren gegangen ist. Das tut uns leid, und wir melden uns bei Ihnen.',
        ...trackedBy(TRACKING, data),
      ],
      shows: 'parcel',
    }),
    cancel_refused: ({ order }) => ({
      title: `Ihre Bestellung ${order} konnte nicht storniert werden`,
      lines: [
        'Ihre Bestellung konnte nicht mehr storniert werden: Sie ist unterwegs. Sie können sie zurücksenden, sobald Sie sie haben.',
      ],
    }),
    order_cancelled: ({ order, data }) => ({
      title: `Ihre Bestellung ${order} wurde storniert`,
      lines: [
        data.type === 'order.expired'
          ? 'Ihre Bestellung wurde storniert, da sie nicht rechtzeitig bezahlt wurde.'
          : 'Ihre Bestellung wurde storniert. Geld für das, was Sie nicht bekommen, geht an Sie zurück.',
      ],
    }),
    order_refunded: ({ order, amount }) => ({
      title: `Geld Ihrer Bestellung ${order} geht an Sie zurück`,
      lines: [
        amount === null
          ? 'wir haben Ihnen Geld Ihrer Bestellung zurückgezahlt.'
          : `wir haben Ihnen ${amount} Ihrer Bestellung zurückgezahlt.`,
        'Es kann einige Tage dauern, bis Ihre Bank es anzeigt.',
      ],
    }),
    return_update: ({ order, data }) => {
      const { title, line } = RETURNS[data.type] ?? {
        title: (of: string) => `Sie können Artikel der Bestellung ${of} zurücksenden`,
        line: 'wir sind mit Ihrer Rücksendung einverstanden. Bitte senden Sie die Artikel zurück.',
      };
      return { title: title(order), lines: [line], shows: 'units' };
    },
    alert_critical: ({ data }) => ({
      title: `Kritisch: ${titleOf(data)}${placeOf(data)}`,
      lines: [`${titleOf(data)}.`],
    }),
    alert_warning: ({ data }) => ({
      title: `Warnung: ${titleOf(data)}${placeOf(data)}`,
      lines: [`${titleOf(data)}.`],
    }),
    alert_info: ({ data }) => ({
      title: `${titleOf(data)}${placeOf(data)}`,
      lines: [`${titleOf(data)}.`],
    }),
    attention: ({ data }) => ({
      title: `Eine Bestellung braucht einen Menschen${placeOf(data)}`,
      lines: ['eine Bestellung braucht einen Menschen.'],
    }),
  },
  total: 'Summe',
  noMore:
    'Es sind viele dieser Art: Innerhalb dieser Stunde kommt keine weitere Mail. GET /api/v1/admin/attention zeigt alle.',
  unsubscribe: {
    page: 'Keine Mails zu Bestellungen mehr an diese Adresse',
    token: 'Wenn Sie keine Mails zu Bestellungen mehr wollen, geben Sie dem Shop dieses Token',
  },
  alerts: ALERTS,
  attention: {
    refund_failed: 'Eine Rückzahlung ist fehlgeschlagen',
    refund_delayed: 'Eine Rückzahlung verzögert sich',
    refunded_twice: 'Eine Rückzahlung wurde zweimal gemacht',
    refund_unknown: 'Der Zahlungsdienst hat Geld zurückgezahlt, das nicht eingeplant war',
    disputed: 'Eine Zahlung wird bestritten',
    dispute_lost: 'Ein Streit um eine Zahlung ist verloren',
    charge_unresolved: 'Eine Zahlung hat kein Ergebnis',
    capture_failed: 'Geld konnte nicht eingezogen werden',
    capture_delayed: 'Das Einziehen von Geld verzögert sich',
    captured_twice: 'Geld wurde eingezogen, obwohl es anders erledigt war',
    void_delayed: 'Das Aufheben einer Autorisierung verzögert sich',
    authorization_lapses: 'Eine Autorisierung läuft ab',
    authorization_lost: 'Eine Autorisierung ist verloren',
    shipment_not_stopped: 'Ein Paket ließ sich nicht aufhalten',
    left_after_stop: 'Ein Paket ging ab, nachdem es aufgehalten war',
    units_blocked: 'Gesperrte Einheiten wurden aus einer Bestellung genommen',
    units_missing: 'Fehlende Einheiten wurden aus einer Bestellung genommen',
    blocked_left: 'Gesperrte Einheiten sind abgegangen',
    review_open: 'Eine Bestellung wartet auf ihre Prüfung',
    step_failing: 'Ein Schritt einer Bestellung scheitert',
    workflow_stuck: 'Der Workflow einer Bestellung geht nicht weiter',
  },
};
