/** A product as the seed creates it. The price is in euro cents. */
export interface SeedProduct {
  readonly displayName: string;
  readonly description: string;
  readonly category: string;
  readonly priceCents: number;
  readonly quantity: number;
}

type Row = readonly [displayName: string, priceCents: number, quantity: number, description: string];

const catalog: Readonly<Record<string, readonly Row[]>> = {
  books: [
    ["The Patient Gardener", 2490, 80, "A year in a kitchen garden, week by week. Hardback, 312 pages."],
    ["Bread at Home", 2990, 60, "Sourdough, rye and flatbreads with forty tested recipes. Hardback, 256 pages."],
    ["Field Guide to Coastal Birds", 1850, 45, "Two hundred species with maps and calls. Paperback, 288 pages."],
    ["A Short History of Maps", 1690, 70, "From clay tablets to satellites. Paperback, 224 pages."],
    ["Knots for Every Day", 1290, 120, "Thirty knots, drawn step by step. Spiral bound, 96 pages."],
    ["The Night Train", 1199, 150, "A novel in eleven stations. Paperback, 336 pages."],
    ["Letters from the Lighthouse", 1350, 90, "Stories from a northern island. Paperback, 208 pages."],
  ],
  kitchen: [
    ["Cast-iron Skillet 26 cm", 4990, 40, "Pre-seasoned, for hob, oven and campfire."],
    ["Chef's Knife 20 cm", 7900, 35, "Forged stainless steel with an ash handle."],
    ["Beech Cutting Board", 2750, 65, "Oiled beech, 40 × 28 cm, with a juice groove."],
    ["Pour-over Coffee Dripper", 1980, 75, "Porcelain, for two cups; takes paper filters number 2."],
    ["Hand Coffee Grinder", 5490, 30, "Steel burrs, thirty settings, holds 30 g of beans."],
    ["Enamel Saucepan 1.5 l", 3290, 50, "White enamel on steel with a wooden grip."],
    ["Linen Tea Towels, set of 3", 2150, 110, "Washed linen, 50 × 70 cm each."],
    ["Digital Kitchen Scale", 2490, 55, "To 5 kg in steps of 1 g; charges by USB-C."],
    ["Salad Bowl, Olive Wood", 4650, 20, "Turned from one piece, 28 cm across."],
  ],
  garden: [
    ["Hand Trowel", 1590, 100, "Stainless blade with a depth scale and an ash handle."],
    ["Bypass Pruner", 2890, 60, "Cuts green wood to 20 mm; spring and blade can be replaced."],
    ["Watering Can 5 l", 2390, 45, "Galvanised steel with a brass rose."],
    ["Tomato Seeds 'Harbinger'", 349, 400, "About thirty seeds of an early red variety."],
    ["Wildflower Seed Mix", 590, 300, "Twenty native species for 10 m²."],
    ["Coir Pots, pack of 24", 690, 200, "6 cm, planted out with the seedling."],
    ["Garden Twine 100 m", 450, 250, "Natural jute, three-ply."],
    ["Bee Hotel", 3490, 25, "Larch with drilled ash blocks, for solitary bees."],
  ],
  office: [
    ["Dot-grid Notebook A5", 1450, 220, "192 pages of 90 g paper that takes fountain pens."],
    ["Fountain Pen, fine", 3200, 60, "Steel nib, brass body, with a converter."],
    ["Blue-black Ink 50 ml", 990, 140, "Water-based ink in a glass bottle."],
    ["Mechanical Pencil 0.7 mm", 1190, 130, "Metal grip and a lead-advance clutch."],
    ["Desk Lamp", 6900, 30, "Dimmable LED on a jointed arm, 2700 to 5000 K."],
    ["Paper Clips, box of 200", 290, 500, "Galvanised steel, 32 mm."],
    ["Desk Organiser, Oak", 3850, 40, "Three compartments and a pen tray."],
    ["Wall Calendar", 1690, 85, "Twelve lino prints, 30 × 42 cm."],
  ],
  outdoor: [
    ["Vacuum Flask 0.75 l", 2990, 70, "Keeps drinks hot for 12 hours; dishwasher-safe."],
    ["Rain Jacket", 11900, 25, "Three layers, taped seams, packs into its pocket."],
    ["Merino Hat", 2790, 90, "Knitted in one piece, 100 % merino wool."],
    ["Hiking Socks, 2 pairs", 2290, 160, "Merino and polyamide, with a padded heel."],
    ["Headlamp 350 lm", 3990, 55, "Charges by USB-C; red light for maps."],
    ["Compass", 2650, 50, "Liquid-filled, with a sighting mirror."],
    ["Dry Bag 20 l", 1890, 80, "Welded seams and a roll-top closure."],
    ["Two-person Tent", 24900, 12, "2.1 kg, free-standing, with a porch."],
    ["Camping Mug", 990, 180, "Enamelled steel, 350 ml."],
  ],
  toys: [
    ["Wooden Train Set", 4490, 35, "Thirty-two pieces of beech track and three wagons."],
    ["Building Blocks, 100 pieces", 3790, 45, "Maple blocks in a cotton bag."],
    ["Puzzle 'Night Sky', 500 pieces", 1990, 75, "Printed on recycled board, 48 × 36 cm."],
    ["Juggling Balls, set of 3", 1590, 60, "Filled with millet, 120 g each."],
    ["Kite", 2490, 40, "Single line, 140 cm span, for a light breeze."],
    ["Card Game 'Harbour'", 1290, 95, "For two to five players from eight years."],
    ["Chess Set, travelling", 2990, 30, "Magnetic pieces, folds to 20 × 10 cm."],
    ["Signed Print, Last Copies", 8900, 2, "A numbered lino print. When they are gone, they are gone."],
  ],
};

/** About fifty products in several categories. Names are unique: they are what the seed recognises a product by. */
export const seedProducts: readonly SeedProduct[] = Object.entries(catalog).flatMap(([category, rows]) =>
  rows.map(([displayName, priceCents, quantity, description]) => ({
    displayName,
    description,
    category,
    priceCents,
    quantity,
  })),
);
