import { describeCheckout } from "./checkout-suite.ts";
import { startNativeSystem } from "./native-system.ts";

describeCheckout("this machine", () => startNativeSystem());
