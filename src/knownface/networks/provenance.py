"""What is disputed about the collections of faces that networks learned from, a clause each.

Facts with their sources, and no legal advice.
"""

# exposing.ai/datasets/msceleb; Financial Times, 6 June 2019.
MS_CELEB_1M = (
    "MS-Celeb-1M was collected from the web without asking those shown, and withdrawn by "
    "Microsoft in 2019"
)
# Cao et al., 2018, section III; ox-vgg/vgg_face2, issue 50.
VGGFACE2 = (
    "VGGFace2 was collected from the web without asking those shown, and taken offline by its "
    "makers in 2020"
)
# Yi et al., 2014, section 3, and the agreement that came with it.
CASIA_WEBFACE = (
    "CASIA-WebFace was collected from IMDb without asking those shown, for research only"
)
# Zhu et al., 2021, section 3, and its licence agreement.
WEBFACE260M = (
    "WebFace260M was collected from the web without asking those shown, for non-commercial "
    "research only"
)
# Sengupta et al., 2016; Liu et al., 2015; An et al., 2021; and their terms.
CFP_CELEBA_GLINT360K = (
    "CFP, CelebA and Glint360K were collected from the web without asking those shown, for "
    "research only"
)
