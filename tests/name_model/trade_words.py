"""What the packages do not hold: brands, trims, roles, papers, tools; and pairs of words that are no people."""

DOMAIN = """
    acdelco akebono allstate amsoil autolite autozone bilstein bosch bridgestone brembo canadian carfax carmax castrol
    cooper continental dayco delco denso dorman dunlop duralast edelbrock eibach falken fel-pro firestone fram geico
    goodyear haynes hella holley jiffy kelley kenwood koni koyo kumho luk magnaflow mahle meguiars michelin midas mobil
    monroe moog mopar motorcraft motul napa ngk nitto onstar pennzoil pirelli pioneer prestone raybestos royal purple
    sachs shell sirius skf snap-on sparco standard timken toyo trico uniroyal valvoline wagner walbro wix yokohama zf
    limited touring premium platinum denali lariat laramie longhorn sahara rubicon overland trailhawk summit calligraphy
    sport ex lx ltz sle slt se sel xle xse trd nismo amg quattro xdrive sportback avant ecoboost hemi duramax cummins
    powerstroke vortec skyactiv eyesight sync uconnect carplay mylink starlink supercrew crewmax quad crew cab shelby
    advisor technician tech salesman salesperson manager porter cashier receptionist dealer dealership dealers service
    warranty recall campaign bulletin invoice estimate repair order ro loaner rental lease finance insurance title tag
    registration inspection appointment pickup dropoff trade-in msrp apr tsb dtc vin pcm ecm tcm bcm abs srs tpms egr
    evap obd mil cel nhtsa epa iihs dot front rear left right driver passenger side upper lower inner outer
    mirror airbag bumper fender hood trunk tailgate windshield wiper wheel tire rotor caliper pad shoe drum strut shock
    axle hub bearing knuckle bushing link sway tie rod rack pinion pump hose belt pulley tensioner alternator starter
    battery fuse relay switch sensor module harness connector radiator thermostat condenser compressor evaporator
    heater blower filter oil coolant brake fluid transmission clutch flywheel torque converter differential driveshaft
    exhaust muffler catalytic manifold gasket head piston crankshaft camshaft timing chain valve injector throttle
    turbo intake plug coil ignition key fob latch handle regulator seat belt buckle carpet trim molding grille
    headlight taillight bulb lamp fog lens antenna radio speaker camera display screen navigation bluetooth cruise
    sedan coupe hatchback wagon suv truck van convertible minivan pickup awd fwd rwd 4wd 4x4 mpg hp psi
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december north south east west northeast northwest southeast southwest
    ave avenue blvd boulevard drive road street lane court highway circle inc llc corp ltd co company
    alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana iowa
    kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri nebraska nevada
    hampshire jersey mexico ohio oklahoma oregon pennsylvania tennessee texas utah vermont wisconsin wyoming
    allison aisin borg warner getrag tremec eaton detroit perkins caterpillar hino peterbilt kenworth mack freightliner
    torx robertson phillips allen pozidriv dana spicer meritor dexron mercon valvoline zelle venmo pdi pto aircon regas
    handover buyback letterbox repo ute lien payoff voicemail shuttle sublet cust veh warr frt whl brg gawr gvwr
    stk mi ea qty amt misc wtb obo lvm lmom rts nvh wot tdc psi ohm volts amps
"""

BRANDS = (
    "eddie bauer|mark levinson|harley davidson|carroll shelby|bill blass|jack daniels|john deere|john cooper"
    "|aston martin|austin martin|austin healey|harman kardon|bang olufsen|bowers wilkins|borg warner|prince edward"
    "|crown victoria"
    "|les schwab|pep boys|wells fargo|morgan stanley|kelly blue|kelley blue|blue book|edward jones|johnson controls"
    "|general motors|christian brothers|state farm|mary kay|dodge brothers"
    "|thomas built|blue bird|allen key|allen wrench"
    "|hardee 's|wendy 's|denny 's|arby 's|mcdonald 's|applebee 's|chili 's|culver 's|carl 's|papa john|lowe 's|kohl 's"
    "|macy 's|sam 's|trader joe|dick 's|bojangles|dave buster|o'reilly auto|bob evans|cracker barrel|jack daniel"
    "|phillips head|phillips screwdriver|hunter alignment|jake brake|pitman arm|st paul|baton rouge|santa clara"
)
