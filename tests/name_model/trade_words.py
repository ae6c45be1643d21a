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
    accel advance aeromotive agm akebono alpine amco anco armorall arp atlas axalta bandag barnes behr belltech bendix
    berryman blackstone blaupunkt blizzak bondo borgwarner bose bowers braille brinell bussmann campbell carlisle
    carter carvana cerwin champion chapman chemours chilton clevite cloyes cobb comp cooler corsa crane crower dewalt
    decker deka dewitt dorman doublestar dremel dyno earl's edmunds elgin energizer enginetech enkei exedy exide faze
    fisher fleetpride fluke fosgate fox fram gabriel garmin garrett gates general getrag glasurit goodridge griot
    grote hankook hastings haynes hedman hellwig hobart hoosier hopkins hurst idemitsu imron interstate isky jasper
    jegs jensen justrite kendall kicker king kleen kobalt koni krylon lakewood lincoln lippert lisle loctite
    lubriplate lucas mac mahle manley marvel matco mastercraft mcleod melling meguiar menards merrill mevotech meyer
    miller minn mishimoto mothers msd napa nexen nielsen nissens nos odyssey okuma osram painless pacer parker
    permatex perrin peterson philips pioneer plasti polk pollak powerstop pypes quaker racing rancho ranger redline
    reese remflex reynolds rhino rotella roush russell ryobi sachs saleen schrader schumacher sealed sem sherwin
    sikkens smittybilt solus spax spectra stanadyne standox stant stewart stoptech sumitomo summit sunex sunnen
    superchips sylvania takata tekonsha thule thrush timbren tokico toro torsen trw turtle unigard ultra valeo venturi
    verus vickers victor viair walker warn weathertech weber wilwood wiseco wolf wurth yakima yenko yuasa zerex
    zimmermann zymol airstream arctic bayliner bobcat buell coachmen deutz ducati escalade evinrude fleetwood forest
    freightliner grady harley husqvarna indian jayco kawasaki keystone ktm kubota lund mercruiser moto newmar norton
    onan polaris prevost suzuki thor tracker tiffin triumph vespa winnebago yamaha allis chalmers massey ferguson
    studebaker packard nash rambler hudson tucker delorean duesenberg desoto edsel plymouth pontiac oldsmobile saturn
    saab lancia maserati bentley lagonda morgan lotus mclaren lamborghini ferrari bugatti koenigsegg pagani polestar
    rivian lucid fisker karma genesis smart scion daewoo isuzu opel vauxhall skoda seat dacia peugeot citroen renault
    progressive nationwide farmers usaa travelers hartford erie safeco esurance metlife aetna cigna humana experian
    equifax transunion truist citizens regions fulton frost huntington santander navy exeter westlake cox cdk
    dealertrack tekion autosoft dominion elead podium vinsolutions routeone vauto manheim adesa lithia asbury sonic
    penske hendrick carmax autotrader cargurus truecar copart iaa walmart kroger publix sheetz wawa lowes fedex ups
    costco wendys hortons arbys hardees denny culver christmas easter thanksgiving halloween hanukkah ramadan diwali
    juneteenth valentine columbus patrick memorial labor veterans presidents fathers lent passover spring summer
    autumn winter amber auburn azure beige bronze burgundy champagne charcoal copper coral crimson cyan ebony emerald
    garnet ginger graphite gunmetal indigo ivory jade jet lavender magenta maroon mocha moss olive onyx opal pearl
    pewter platinum ruby russet rust sable sage sand sapphire scarlet sienna silver slate tan taupe teal titanium
    turquoise violet metallic mica pearlcoat clearcoat camber caster toe spindle ackermann macpherson watts panhard
    ackerman otto diesel wankel atkinson kelvin celsius fahrenheit newton pascal joule hertz ampere faraday bourdon
    stirling presta birfield rzeppa cardan hotchkiss haldex quaife eaton wheatstone hall helmholtz bosch zener
    schottky
    avis hertz sixt alamo safelite maaco meineke aamco monro midas penske ryder geico allstate erie amica kemper
    baldwin donaldson fleetguard luber-finer hendrickson meritor wabash terex hyster yale
    kohler tecumseh stratton bush kubota deere mitchell chilton alldata hollander autometer cornwell coats mirka nason
    senour glidden carhartt dickies oakley ray-ban willys bonneville lesabre fairlane galaxie torino riviera skylark
    cutlass impala biscayne hooker crager cragar weiand offenhauser thorley borla corbeau
    recaro hoosier nitto cepek goodwrench textar ate lemforder meyle wabco grote truck-lite whelen
    knapheide supreme utilimaster blue-point proto stahlwille knipex wiha klein irwin vise-grip channellock
    craftsman husky rigid ridgid makita bosch metabo festool hilti robinair yellow-jacket autel launch topdon
    xentry techstream witech forscan regal tourx encore verano lucerne raptor maverick bronco
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
    "|vance hines|stewart warner|rockford fosgate|goldman sachs|merrill lynch|charles schwab|jp morgan|fannie mae"
    "|freddie mac|sallie mae|raymond james|dean witter|ernst young|price waterhouse|john hancock|lincoln financial"
    "|sherwin williams|benjamin moore|black decker|milwaukee tool|briggs stratton|massey ferguson|allis chalmers"
    "|victor reinz|hein werner|earl scheib|mickey thompson|hardy spicer|spies hecker|marlin crawler"
    "|edelbrock carter|carter afb|rochester quadrajet|holley sniper|ray evernham|jack roush|steve saleen"
    "|tim hortons|ronald mcdonald|papa johns|jimmy john|dairy queen|burger king|tractor supply|rural king"
    "|herb chambers|ken garff|john elway|rick hendrick|roger penske|van tuyl"
    "|martin luther|luther king|st patrick|saint patrick|st jude|saint jude|susan komen|george washington"
    "|good friday|memorial day|labor day|columbus day|presidents day|black friday|cyber monday"
    "|magnuson moss|song beverly|dodd frank|fair isaac|standard poor|dun bradstreet|reynolds reynolds|barrett jackson"
    "|rm sotheby|kelly safari|kelly tires|hankook dynapro|michelin defender|oleg cassini|pierre cardin"
    "|emilio pucci|designer series|bob weights|johnson bar|jersey barrier|thermo king"
    "|walter reed|johns hopkins|mayo clinic|betty ford|henry ford|john deere|moto guzzi|harley davidson"
    "|royal enfield|norton commando|indian scout|sea ray|boston whaler|grady white|forest river|winnebago view"
    "|river rouge|dale hollow|glen burnie|lake norman|lake lanier|lake cumberland|lake charles|fort wayne"
    "|fort lauderdale|mount vernon|st louis|st augustine|st petersburg|st cloud|san antonio|san jose|san diego"
    "|santa fe|santa ana|santa monica|des moines|terre haute|las vegas|el paso|los angeles|new orleans|cinco mayo"
    "|kent moore|mac tools|liqui moly|febi bilstein|mann filter|knorr bremse|wera kraftform|walker evans|hurst olds"
    "|american racing|hedman hedders|jim koons|ray catena|bob rohrman|don massey|ed morse|fred haas|mac haik|phil long"
    "|sam pack|jim click|john eagle|ken ganley|dick hannah|dave smith|larry miller|alex baldwin|baldwin motion"
    "|peter paul|rose gold|thomas edison|rand mcnally|smith wesson|johnson matthey|ingersoll rand|russell stover"
    "|ferry porsche|magneti marelli|marshall islands|grey poupon|earl grey|james bond|joe gibbs|hendrick motorsports"
    "|jackson hewitt|liberty mutual|mary jane|barnes noble|ben jerry|ruth chris|ruby tuesday|wendy s|marshall tucker"
    "|johnson johnson|procter gamble|smith barney|brooks brothers|tiffany blue|calvin klein|ralph lauren|paul mitchell"
    "|dale carnegie|robert bosch|henkel loctite|karl storz|gordon murray|john player|walter mitty|jesse james"
    "|max tow|max torque|max payload|max cargo"
    "|will call|long term|short term|grant thornton|thomas cook|philip morris|ernst benz"
    "|simon says|ohm law|hobson choice|occam razor|moore law"
    "|rob peter|pay paul|bush hog|john bean|martin senour|ray ban|willys overland|eddie bauer|robert bosch"
    "|ford credit|new holland"
    "|luber finer|doug thorley|dick cepek|smith system|miller electric"
    "|lincoln electric|campbell hausfeld|briggs stratton|charles machine|grant products|hurst shifter|hays clutch"
    "|marshall gauge|mitchell time|chilton time|hunter rack|jack stand|jack point|penny test|will call|bell housing"
    "|rod bearing|rod knock|case backhoe|allison trans|dana rear|norton abrasives|morgan plus|rolls royce"
    "|wells cargo|cooper discoverer|general grabber|kelly edge|mack trucks|st mary|park avenue|st moritz|st james"
    "|phillips head|phillips screwdriver|hunter alignment|jake brake|pitman arm|st paul|baton rouge|santa clara"
)
