package workload

import "strings"

// words are 256 common English words, so that a byte of randomness picks one.
var words = strings.Fields(`
able about above across action active after again against ago air all almost alone along already also always among amount
ancient animal answer apple area arm around arrive art ask autumn away baby back bad bag balance ball bank base basket
bath beach bear beat beauty become bed before begin behind bell below bench beside better between beyond big bird black
blood blow blue board boat body bone book border born both bottle bottom bowl box branch brave bread break breath bridge
bright bring broad brother brown brush build burn bus busy butter button buy cake call calm camp candle capital captain
car card care carry case castle cat catch cause center chain chair chance change cheap check cheese chest chief child
choice circle city claim class clay clean clear climb clock close cloth cloud coast coat coffee coin cold collect color
come common company compare complete condition cook cool copper copy corn corner cost cotton count country course cousin
cover cow craft cream create cross crowd crown cry culture cup curious current curtain curve custom cut damp dance danger
dark daughter day deal dear decide deep deer degree delay deliver depend desert desk detail develop dinner direct dish
distance divide doctor dog door double doubt down dozen draw dream dress drink drive drop dry duck dust duty each eager
ear early earth east easy eat edge effect egg eight either electric empty end energy engine enjoy enough enter equal
evening event every example excite exercise expect explain extra eye face fact fair fall family famous
`)
