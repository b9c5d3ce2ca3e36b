import { join } from "node:path";
import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore, type ServiceCore } from "@quartet/chassis/service-core";
import {
  createServiceHost,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
} from "@quartet/chassis/service-host";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { createDrivePayment } from "./app/drive-payment.ts";
import type { PaymentProvider } from "./app/ports.ts";
import { createRefundPayment } from "./app/refund-payment.ts";
import { createSettlePayments } from "./app/settle-payments.ts";
import { withFailPoints } from "./clients/fail-points.ts";
import { withReports } from "./clients/reported-provider.ts";
import { openTestProvider } from "./clients/test-provider.ts";
import type { PaymentConfig } from "./config.ts";
import { createHandlers } from "./events/consume.ts";
import { createToOutgoing } from "./events/publish.ts";
import { migrations } from "./migrations.ts";
import { createPaymentDriver } from "./payment-driver.ts";
import { createPaymentServiceImpl } from "./rpc/payment-service.ts";
import { createLedgerQueries } from "./storage/ledger-queries.ts";
import { createPaymentQueries } from "./storage/payment-queries.ts";
import { createPaymentStore } from "./storage/payment-store.ts";

/** Puts the parts of payment-svc together on its core: the only place that knows every one of them. */
export function createParts(
  core: ServiceCore,
  { providerCallsMax: callsMax }: PaymentConfig,
  { provider }: { readonly provider: PaymentProvider },
): ServiceParts {
  const { database, unitOfWork, pageTokens, metrics, now, newId, log, restoreTime } = core;

  const payments = createPaymentStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
  const queries = createPaymentQueries({ database });
  metrics.addGauge({
    name: "payment_provider_tasks_waiting",
    help: "Captures and refunds that the payment provider has not answered, those under way included",
    value: queries.waitingCount,
  });
  const drive = createDrivePayment({ payments, provider: withReports(provider, { log, metrics }), now });
  const driver = createPaymentDriver({ payments, drive, now, log, callsMax });
  const settlePayments = createSettlePayments({ payments, now, onWork: driver.nudge, restoreTime });
  const implementation = createPaymentServiceImpl({
    queries,
    ledger: createLedgerQueries({ database }),
    refundPayment: createRefundPayment({ payments, now, onWork: driver.nudge }),
    pageTokens,
  });

  return {
    registrations: [implement(PaymentService, implementation)],
    handlers: createHandlers({ settlePayments }),
    workers: [driver],
  };
}

/** Creates payment-svc as a service that can run. */
export async function createService(config: PaymentConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "payment-svc", config, migrations, ...overrides });
  const { now } = core;
  const provider = withFailPoints(openTestProvider({ file: join(config.dataDir, "test-provider.sqlite"), now }));
  return createServiceHost(core, { ...createParts(core, config, { provider }), close: provider.close, ...overrides });
}
