import { serviceNames } from "../stack/stack-config.ts";
import type { Books, EventRow, OrderRow } from "./books.ts";
import { consumersOf } from "./consumers.ts";

/** One line: a figure, or the same figure as two sides have it. */
export interface Line {
  readonly what: string;
  readonly left: string;
  readonly right?: string;
}

/** The figures of one service, or of two that have to agree. */
export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** Puts figures side by side: of each service, and of each pair. What could not be read is left out. */
export function reconcile(books: Books): readonly Section[] {
  const sections = [
    orderSection(books),
    stockSection(books),
    paymentSection(books),
    accountSection(books),
    moneySection(books),
    soldSection(books),
    providerSection(books),
    ...eventSections(books),
  ];
  return sections.filter(({ lines }) => lines.length > 0);
}

function orderSection(books: Books): Section {
  const orders = books.first("order-svc", "orders");
  const lines = orders && [
    { what: "orders", left: byState(orders) },
    { what: "total of those confirmed", left: money(orders.filter(isConfirmed), ({ total }) => total) },
  ];
  return { title: "order-svc", lines: lines ?? [] };
}

function stockSection(books: Books): Section {
  const [stock] = books.second("product-svc", "stock") ?? [];
  const reservations = books.second("product-svc", "reservations");
  const lines: Line[] = [];
  if (stock !== undefined) {
    const { products, available, held, sold, putIn } = stock;
    const parts = `${count(available)} available + ${count(held)} held + ${count(sold)} sold`;
    lines.push({ what: "products", left: count(products) });
    lines.push({ what: `pieces: ${parts}`, left: count(available + held + sold), right: `${count(putIn)} put in` });
  }
  if (reservations !== undefined) lines.push({ what: "reservations", left: byState(reservations) });
  return { title: "product-svc", lines };
}

function paymentSection(books: Books): Section {
  const payments = books.second("payment-svc", "payments");
  const ledger = books.second("payment-svc", "ledger") ?? [];
  if (payments === undefined) return { title: "payment-svc", lines: [] };
  const captured = payments.filter(({ state }) => state === "CAPTURED");
  const atProvider = ledger
    .filter(({ account }) => account === "PROVIDER_RECEIVABLE")
    .map(({ currency, balance }) => ({ currency, balance }));
  return {
    title: "payment-svc",
    lines: [
      { what: "payments", left: byState(payments) },
      {
        what: "captured less refunded, and the ledger's PROVIDER_RECEIVABLE",
        left: money(captured, ({ amount, refunded }) => (amount ?? 0) - refunded),
        right: money(atProvider, ({ balance }) => balance),
      },
      ...ledger.map(({ account, currency, balance }) => ({ what: account, left: `${count(balance)} ${currency}` })),
    ],
  };
}

function accountSection(books: Books): Section {
  const [row] = books.second("user-svc", "accounts") ?? [];
  const left = row && `${count(row.users)}, ${count(row.sessions)} sessions; ${count(row.deleted)} deleted`;
  return { title: "user-svc", lines: left === undefined ? [] : [{ what: "accounts", left }] };
}

function moneySection(books: Books): Section {
  const orders = books.first("order-svc", "orders");
  const payments = books.second("payment-svc", "payments");
  if (orders === undefined || payments === undefined) return { title: "", lines: [] };
  const captured = payments.filter(({ state }) => state === "CAPTURED");
  return {
    title: "order-svc and payment-svc",
    lines: [
      {
        what: "captured",
        left: money(orders, (order) => order.captured),
        right: money(captured, (one) => one.amount ?? 0),
      },
      {
        what: "refunded",
        left: money(orders, (order) => order.refunded),
        right: money(payments, (one) => one.refunded),
      },
    ],
  };
}

function soldSection(books: Books): Section {
  const orders = books.first("order-svc", "orders");
  const reservations = books.second("product-svc", "reservations");
  if (orders === undefined || reservations === undefined) return { title: "", lines: [] };
  const sold = reservations.filter(({ state }) => state === "SOLD");
  return {
    title: "order-svc and product-svc",
    lines: [
      { what: "orders confirmed and sold", left: count(orders.filter(isConfirmed).length), right: count(sold.length) },
      { what: "pieces of them", left: count(pieces(orders.filter(isConfirmed))), right: count(pieces(sold)) },
    ],
  };
}

function providerSection(books: Books): Section {
  const payments = books.second("payment-svc", "payments");
  const operations = books.second("test-provider", "operations");
  if (payments === undefined || operations === undefined) return { title: "", lines: [] };
  const captured = payments.filter(({ state }) => state === "CAPTURED");
  const done = (status: string) => operations.filter((operation) => operation.status === status);
  const amount = (row: { readonly amount: number | null }) => row.amount ?? 0;
  return {
    title: "payment-svc and the test provider",
    lines: [
      { what: "captures", left: count(captured.length), right: count(done("CAPTURED").length) },
      { what: "captured", left: money(captured, amount), right: money(done("CAPTURED"), amount) },
      { what: "refunded", left: money(payments, ({ refunded }) => refunded), right: money(done("REFUNDED"), amount) },
    ],
  };
}

function eventSections(books: Books): readonly Section[] {
  return serviceNames.flatMap((publisher) => {
    const events = books.second(publisher, "events");
    if (events === undefined) return [];
    return serviceNames.map((consumer): Section => {
      const messages = books.second(consumer, "messages") ?? [];
      const consumed = events.filter(({ type }) => consumersOf[type]?.includes(consumer));
      const handled = new Set(messages.map(({ id }) => id));
      const types = [...Map.groupBy(consumed, ({ type }) => type)].sort();
      const lines = types.map(([type, ofType]) => ({
        what: type,
        left: `${count(ofType.length)} published${unsent(ofType)}`,
        right: `${count(ofType.filter(({ id }) => handled.has(id)).length)} handled`,
      }));
      return { title: `events of ${publisher} at ${consumer}, of the last 7 days`, lines };
    });
  });
}

function unsent(events: readonly EventRow[]): string {
  const waiting = events.filter(({ sentTime }) => sentTime === null).length;
  return waiting === 0 ? "" : ` (${count(waiting)} not sent)`;
}

const isConfirmed = ({ state }: OrderRow) => state === "CONFIRMED";
const count = (number: number) => number.toLocaleString("en");

function byState(rows: readonly { readonly state: string }[]): string {
  const states = [...Map.groupBy(rows, ({ state }) => state)].sort();
  const parts = states.map(([state, ofState]) => `${count(ofState.length)} ${state}`).join(", ");
  return parts === "" ? "0" : `${count(rows.length)}: ${parts}`;
}

/** Sums of minor units, currency by currency. */
function money<Row extends { readonly currency: string | null }>(
  rows: readonly Row[],
  amountOf: (row: Row) => number,
): string {
  const sums = new Map<string, number>();
  for (const row of rows) {
    const amount = amountOf(row);
    if (row.currency !== null && amount !== 0) sums.set(row.currency, (sums.get(row.currency) ?? 0) + amount);
  }
  const listed = [...sums].sort().map(([currency, sum]) => `${count(sum)} ${currency}`);
  return listed.join(", ") || "0";
}

/** How many pieces are in lines like "id 2, id 1". */
function pieces(rows: readonly { readonly lines: string | null }[]): number {
  return rows
    .flatMap(({ lines }) => lines?.split(", ") ?? [])
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
