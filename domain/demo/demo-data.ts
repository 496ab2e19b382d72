import type { NewCategory, NewWarehouse } from '../catalog/types';

/** Names, prices and places of the demo catalogue. `seed.ts` makes products and stock of them, the same on every machine. */

/** One product for each pair of a series and a variant, numbered in that order from 001. SKUs begin with the category's code. */
export interface DemoCategory extends NewCategory {
  noun: string;
  series: readonly string[];
  variants: readonly string[];
  /** Price of the first product, in cents of US dollars. */
  priceMinor: number;
  /** What each further product costs more, in cents. */
  stepMinor: number;
  about: string;
}

export const DEMO_CURRENCY = 'USD';

export const DEMO_WAREHOUSES: readonly NewWarehouse[] = [
  {
    code: 'AMS',
    name: 'Amsterdam',
    address: 'Schiphol-Rijk, Netherlands',
    latitude: 52.2853,
    longitude: 4.7636,
    region: 'eu-west',
    priority: 10,
  },
  {
    code: 'LON',
    name: 'London',
    address: 'Hayes, United Kingdom',
    latitude: 51.5044,
    longitude: -0.4206,
    region: 'eu-west',
    priority: 30,
  },
  {
    code: 'FRA',
    name: 'Frankfurt',
    address: 'Kelsterbach, Germany',
    latitude: 50.0611,
    longitude: 8.5306,
    region: 'eu-central',
    priority: 20,
  },
  {
    code: 'EWR',
    name: 'Newark',
    address: 'Elizabeth, New Jersey, USA',
    latitude: 40.664,
    longitude: -74.2107,
    region: 'us-east',
    priority: 10,
  },
  {
    code: 'ORD',
    name: 'Chicago',
    address: 'Bensenville, Illinois, USA',
    latitude: 41.955,
    longitude: -87.9401,
    region: 'us-central',
    priority: 20,
  },
  {
    code: 'LAX',
    name: 'Los Angeles',
    address: 'Carson, California, USA',
    latitude: 33.8317,
    longitude: -118.2817,
    region: 'us-west',
    priority: 30,
  },
];

export const DEMO_CATEGORIES: readonly DemoCategory[] = [
  {
    code: 'LAPTOP',
    name: 'Laptops',
    noun: 'Laptop',
    series: ['Meridian', 'Halyard', 'Corvid', 'Atlas'],
    variants: ['13', '14', '14 Pro', '15', '16 Pro'],
    priceMinor: 129_900,
    stepMinor: 5_000,
    about: 'Aluminium body, matte display, a battery for the whole day.',
  },
  {
    code: 'MONITOR',
    name: 'Monitors',
    noun: 'Monitor',
    series: ['Vantage', 'Lumen', 'Skyline', 'Prism'],
    variants: ['24', '27', '27 QHD', '32 4K', '34 Curved'],
    priceMinor: 17_900,
    stepMinor: 2_500,
    about: 'Height-adjustable stand, one cable for picture and power.',
  },
  {
    code: 'KEYBOARD',
    name: 'Keyboards',
    noun: 'Keyboard',
    series: ['Tactile', 'Quietline', 'Compass', 'Ergo'],
    variants: ['Compact', 'Full', 'Wireless', 'Split', 'Backlit'],
    priceMinor: 4_900,
    stepMinor: 600,
    about: 'Replaceable key caps and switches.',
  },
  {
    code: 'HEADSET',
    name: 'Headsets',
    noun: 'Headset',
    series: ['Nocturne', 'Aria', 'Cadence', 'Encore'],
    variants: ['On-Ear', 'Over-Ear', 'Studio', 'Travel', 'Open'],
    priceMinor: 7_900,
    stepMinor: 1_100,
    about: 'Noise cancelling, with a microphone that folds away.',
  },
  {
    code: 'CAMERA',
    name: 'Cameras',
    noun: 'Camera',
    series: ['Aperture', 'Fieldnote', 'Horizon', 'Keepsake'],
    variants: ['Compact', 'Travel', 'Mirrorless', 'Pro', 'Film'],
    priceMinor: 29_900,
    stepMinor: 7_500,
    about: 'Weather-sealed, with a stabilised sensor.',
  },
  {
    code: 'CHAIR',
    name: 'Chairs',
    noun: 'Chair',
    series: ['Lumbar', 'Arbor', 'Poise', 'Drift'],
    variants: ['Task', 'Mesh', 'Executive', 'Stool', 'Lounge'],
    priceMinor: 15_900,
    stepMinor: 3_000,
    about: 'Adjusts in every joint; all parts can be replaced.',
  },
  {
    code: 'DESK',
    name: 'Desks',
    noun: 'Desk',
    series: ['Birch', 'Walnut', 'Oak', 'Bamboo'],
    variants: ['120', '140', '160', 'Standing 140', 'Standing 160'],
    priceMinor: 24_900,
    stepMinor: 4_500,
    about: 'Solid wood from managed forests, cable tray included.',
  },
  {
    code: 'LAMP',
    name: 'Lamps',
    noun: 'Lamp',
    series: ['Glow', 'Beacon', 'Dusk', 'Filament'],
    variants: ['Clip', 'Desk', 'Floor', 'Reading', 'Wall'],
    priceMinor: 2_900,
    stepMinor: 450,
    about: 'Warm to cold light, dimmable, 25,000 hours.',
  },
  {
    code: 'BAG',
    name: 'Bags',
    noun: 'Bag',
    series: ['Ferry', 'Courier', 'Summit', 'Ledger'],
    variants: ['Sleeve', 'Tote', 'Messenger', 'Backpack 20', 'Backpack 30'],
    priceMinor: 3_900,
    stepMinor: 700,
    about: 'Recycled canvas, waterproof zips.',
  },
  {
    code: 'COFFEE',
    name: 'Coffee',
    noun: 'Coffee',
    series: ['Yirgacheffe', 'Huila', 'Antigua', 'Mantiqueira'],
    variants: ['Light 250 g', 'Medium 250 g', 'Dark 250 g', 'Decaf 250 g', 'Beans 1 kg'],
    priceMinor: 1_290,
    stepMinor: 90,
    about: 'Roasted in small batches, shipped within the week.',
  },
];

/** Stock of products that the demo orders rely on, in place of the generated stock. Warehouses not named have none. */
export const DEMO_STOCK: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // Plenty everywhere: what a newcomer's first orders are for.
  'LAPTOP-001': { AMS: 400, LON: 250, FRA: 300, EWR: 400, ORD: 250, LAX: 300 },
  // In two warehouses only, so that an order of 8 must be split.
  'MONITOR-004': { AMS: 5, FRA: 6 },
  // Sold out.
  'CAMERA-013': {},
};
