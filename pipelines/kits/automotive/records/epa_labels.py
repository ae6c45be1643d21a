"""How people write down the fields of the EPA's guides."""

from pipelines.kits.automotive.records.layouts import Labels

LABELS = {
    "engine_displacement": Labels(
        ("displacement {} L", "engine displacement {} L", "displacement {}", "engine {} L", "{} L", "disp {}",
        "{} liter engine"),
        ("displacement", "engine_displacement", "engine", "disp", "Displacement (L)", "liters", "engine size", "displ"),
        ("has a {} liter engine", "is powered by a {} L engine", "comes with an engine of {} litres"),
    ),
    "no_cylinders": Labels(
        ("cylinders {}", "{} cylinders", "cyl {}", "{} cyl", "no. of cylinders {}"),
        ("cylinders", "no_cylinders", "cyl", "Cylinders", "num_cylinders", "cylinder count"),
        ("has {} cylinders", "runs on {} cylinders", "has an engine with {} cylinders"),
    ),
    "air_aspir_method_desc": Labels(
        ("aspiration {}", "{}", "asp {}", "{} engine", "induction {}"),
        ("aspiration", "air_aspir_method", "asp", "Aspiration", "induction"),
        ("is {}", "has a {} engine"),
    ),
    "city_mpg": Labels(
        ("city {} mpg", "city {}", "{} mpg city", "{} city", "cty {}", "town {} mpg", "city mpg {}"),
        ("city", "city_mpg", "cty", "City MPG", "mpg_city", "mpg city", "town"),
        ("gets {} mpg in the city", "does {} miles per gallon in town", "is rated {} city",
        "is good for {} in city traffic"),
    ),
    "hwy_mpg": Labels(
        ("highway {} mpg", "highway {}", "{} mpg highway", "{} hwy", "hwy {}", "hwy {} mpg", "highway mpg {}"),
        ("highway", "hwy_mpg", "hwy", "Highway MPG", "mpg_highway", "mpg hwy", "freeway"),
        ("gets {} mpg on the highway", "does {} miles per gallon on the freeway", "is rated {} highway",
        "manages {} on the highway"),
    ),
    "comb_mpg": Labels(
        ("combined {} mpg", "combined {}", "{} mpg combined", "{} combined", "comb {}", "combined mpg {}"),
        ("combined", "comb_mpg", "comb", "Combined MPG", "mpg_combined", "cmb", "mpg comb"),
        ("gets {} mpg combined", "averages {} mpg", "is rated {} combined", "has a combined rating of {}"),
    ),
    "drive_desc": Labels(
        ("drive {}", "{} drive", "{}", "driven wheels {}", "drivetrain {}"),
        ("drive", "drive_desc", "drv", "Drive", "drivetrain", "drive type"),
        ("has {} drive", "is {} drive", "comes with {} drive"),
    ),
    "transmission_desc": Labels(
        ("transmission {}", "{} transmission", "{}", "trans {}", "gearbox {}"),
        ("transmission", "transmission_desc", "trans", "Transmission", "gearbox"),
        ("has a transmission that is {}", "comes with a transmission of the type {}", "has this transmission: {}"),
    ),
    "no_gears": Labels(
        ("gears {}", "{} gears", "{}-speed", "no. of gears {}", "{} forward gears"),
        ("gears", "no_gears", "speeds", "Gears", "num_gears", "gear count"),
        ("has {} gears", "shifts through {} gears", "has a gearbox with {} gears"),
    ),
}  # fmt: skip
