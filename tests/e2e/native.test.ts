import { describeCheckout } from "./checkout-suite.ts";
import { startNativeSystem } from "./native-system.ts";
import { protocolCases } from "./protocol-suite.ts";

describeCheckout("this machine", () => startNativeSystem(), protocolCases);
