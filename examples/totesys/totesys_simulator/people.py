"""Who and what there is: the rows that stand from the first day. All of it is invented."""

from __future__ import annotations

CURRENCIES = ("GBP", "USD", "EUR")

PAYMENT_TYPES = ("SALES_RECEIPT", "SALES_REFUND", "PURCHASE_PAYMENT", "PURCHASE_REFUND")

# name, location, manager
DEPARTMENTS: tuple[tuple[str, str | None, str | None], ...] = (
    ("Sales", "Hull", "Ottilie Barrow"),
    ("Purchasing", "Hull", "Anselm Whitlock"),
    ("Weaving", "Halifax", "Persis Oyelaran"),
    ("Dispatch", "Goole", "Jorund Pike"),
    ("Finance", "Hull", "Marta Szabo"),
    ("Facilities", None, None),
    ("Press", "Bradford", "Leopold Quaye"),
    ("People", "Hull", None),
)

# first name, last name, department (its place above, from 1)
STAFF = (
    ("Imogen", "Thackray", 1),
    ("Dafydd", "Ruane", 1),
    ("Noor", "Haddad", 2),
    ("Cyprian", "Lowe", 3),
    ("Sunniva", "Berg", 1),
    ("Tobias", "Achterberg", 4),
    ("Wilhelmina", "Odell", 1),
    ("Rafferty", "Moon", 2),
    ("Zofia", "Kaminska", 5),
    ("Emeka", "Nwosu", 1),
    ("Ingrid", "Falk", 2),
    ("Lorcan", "Devane", 6),
    ("Beatriz", "Salgado", 1),
    ("Hamish", "Orr", 7),
    ("Yuki", "Tanabe", 2),
    ("Perpetua", "Ng", 8),
    ("Oswin", "Crane", 1),
    ("Agnes", "Iyer", 3),
    ("Silas", "Brandt", 4),
    ("Maud", "O'Hara", 1),
)

NEW_LAST_NAMES = (
    "Ashworth",
    "Delacroix",
    "Eriksen",
    "Fairweather",
    "Gupta",
    "Hollis",
    "Ibarra",
    "Jansen",
    "Kowal",
    "Lund",
)

# line 1, line 2, district, city, postal code, country, phone. Postal codes that begin with 0 and a district that is
# really called NA are there because careless conversions lose them.
ADDRESSES: tuple[tuple[str, str | None, str | None, str, str, str, str], ...] = (
    ("14 Tanner's Row", None, "Humberside", "Hull", "HU1 3QP", "United Kingdom", "01482 555010"),
    ("2 Old Loom Yard", "Unit 7", "West Yorkshire", "Halifax", "HX1 5BB", "United Kingdom", "01422 555020"),
    ("Kai 9", None, None, "Bremen", "28195", "Germany", "0421 5550 30"),
    ("Weberstraße 101", "Hinterhaus", "Sachsen", "Dresden", "01067", "Germany", "0351 5550 40"),
    ("Am Markt 3", None, "Sachsen", "Leipzig", "04109", "Germany", "0341 5550 50"),
    ("88 Beacon Street", None, "Massachusetts", "Boston", "02108", "United States", "617 555 0160"),
    ("410 Elm Avenue", "Suite 12", "New Jersey", "Newark", "07102", "United States", "973 555 0170"),
    ("7 Spindle Lane", None, "Maine", "Portland", "04101", "United States", "207 555 0180"),
    ("1550 Mission Row", "Floor 4", "California", "Oakland", "94607", "United States", "510 555 0190"),
    ("Rua do Tear 22", None, None, "Porto", "4050-123", "Portugal", "22 555 0200"),
    ("Calle del Hilo 5", "2º izq.", "Cataluña", "Barcelona", "08002", "Spain", "93 555 0210"),
    ("Calle Mayor 71", None, "Álava", "Vitoria-Gasteiz", "01001", "Spain", "945 555 220"),
    ("Rue de la Soie 19", None, "Rhône", "Lyon", "69002", "France", "04 55 50 02 30"),
    ("Quai des Tisserands 4", "Bâtiment C", "Ain", "Bourg-en-Bresse", "01000", "France", "04 55 50 02 40"),
    ("Via dei Filatori 8", None, "Lazio", "Roma", "00184", "Italy", "06 555 0250"),
    ("Corso Tessile 33", None, "Piemonte", "Biella", "13900", "Italy", "015 555 0260"),
    ("Keizerskade 240", None, None, "Utrecht", "3511 LX", "Netherlands", "030 555 0270"),
    ("Sauer Street 3", "Erf 12", "NA", "Windhoek", "09000", "Namibia", "061 555 0280"),
    ("Vävargatan 6", None, None, "Borås", "503 30", "Sweden", "033 555 02 90"),
    ("Kuteveien 17", None, "Vestland", "Bergen", "5003", "Norway", "55 55 03 00"),
    ("Nishijin 2-11", None, "Kyoto-fu", "Kyoto", "602-8216", "Japan", "075 555 0310"),
    ("91 Flinders Walk", "Level 2", "Northern Territory", "Darwin", "0800", "Australia", "08 5550 0320"),
    ("12 Harbour Parade", None, "New South Wales", "Sydney", "2000", "Australia", "02 5550 0330"),
    ("300 Queen's Quay", None, "Ontario", "Toronto", "M5J 2Y5", "Canada", "416 555 0340"),
    ("5 Woolpack Close", "c/o Brand & Daughters", None, "Leeds", "LS2 7EW", "United Kingdom", "0113 555 0350"),
    ("61 Shuttle Street", None, "Glasgow City", "Glasgow", "G1 1QA", "United Kingdom", "0141 555 0360"),
    ("Predilna 44", None, None, "Brno", "602 00", "Czechia", "555 003 700"),
    ("Tkacka 27", "lok. 3", "Łódzkie", "Łódź", "90-156", "Poland", "42 555 03 80"),
    ("Strada Lânii 10", None, None, "Cluj-Napoca", "400001", "Romania", "0264 555 390"),
    ("18 Cotton Exchange", "", "Merseyside", "Liverpool", "L3 9LQ", "United Kingdom", "0151 555 0400"),
)

# legal name, its address (its place above, from 1), commercial contact, delivery contact
COUNTERPARTIES: tuple[tuple[str, int, str | None, str | None], ...] = (
    ("Abernathy & Sons", 25, "Rhona Abernathy", "Keith Doyle"),
    ("Bremer Stoffhandel GmbH", 3, "Heike Lammers", "Jens Ohl"),
    ("Calloway Outfitters Inc", 6, "Dean Calloway", None),
    ("Drahomira s.r.o.", 27, None, "Petr Vlk"),
    ("Elbtal Textil AG", 4, "Uta Kern", "Falk Richter"),
    ("Filatura Serra SpA", 16, "Gaia Serra", "Nico Rota"),
    ("Garnett & Pryce Ltd", 26, "Isla Garnett", "Rory Pryce"),
    ("Hilaturas Montjuïc SL", 11, "Jordi Puig", None),
    ("Idris Trading", 18, "Saara Idris", "Petrus Shikongo"),
    ("Jacquard Frères", 13, None, None),
    ("Kyoto Orimono KK", 21, "Aiko Mori", "Ken Ueda"),
    ("Larkspur Homewares", 8, "June Tally", "Bo Reyes"),
    ("Maison Bressane", 14, "Lucie Morel", "Paul Gros"),
    ("Null & Void Interiors", 24, "Priya Void", "Ned Null"),
    ("O'Malley Soft Goods", 7, "Finn O'Malley", None),
    ("Porto Tecidos Lda", 10, "Rui Lago", "Ana Braga"),
    ("Quayside Blankets", 30, None, "Gwen Fry"),
    ('Runcorn, Smith "and" Co', 5, "Al Runcorn", "Di Smith"),
    ("Sydney Drapery Pty", 23, "Mia Chan", "Tom Hale"),
    ("Tkalnia Łódź Sp. z o.o.", 28, "Ewa Nowak", None),
)

ADJECTIVES = ("Amber", "Brisk", "Cobalt", "Dusky", "Early", "Faded", "Gilt", "Hushed", "Ivory", "Jade", "Keen", "Lunar")
MATERIALS = (
    "Alpaca",
    "Boucle",
    "Canvas",
    "Damask",
    "Flannel",
    "Gingham",
    "Hessian",
    "Jersey",
    "Linen",
    "Merino",
    "Tweed",
)
THINGS = ("Throw", "Tote", "Cushion", "Runner", "Apron", "Blanket", "Curtain", "Scarf", "Rug", "Pouch")
FOLDERS = ("/designs", "/private/designs", "/mnt/studio", "/archive/looms", "/home/studio")
